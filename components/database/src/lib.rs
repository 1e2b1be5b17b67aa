//! The one component that opens the database, for all others. Private: reached as http://database.spin.internal. One pool for
//! the whole application keeps the number of connections small and their plans warm.

mw_web::export!(mw_web::database::service::serve);
