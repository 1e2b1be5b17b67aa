//! /mcp: tools and resources for agents, over the Model Context Protocol and as plain calls.

mw_web::component!(mw_web::mcp::handle);
