// The conformance suite sends no key: this stands before the product and adds one, and changes nothing else.
// Prints the port that it listens on.
import http from "node:http";

const target = new URL(process.env.MW_BASE_URL);
const server = http.createServer((request, response) => {
  const headers = { ...request.headers, "x-api-key": process.env.MW_API_KEY };
  const options = { host: target.hostname, port: target.port, method: request.method, path: request.url, headers };
  const onward = http.request(options, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  request.pipe(onward);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
