//! Opens the database for the components that have no pool of their own. Private: reached as http://database.spin.internal.
//! Every pool costs connections, so what is asked seldom shares this one.

mw_edge::private_component!(mw_edge::database::service::handle);
