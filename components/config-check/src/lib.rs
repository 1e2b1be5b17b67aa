//! Judges the configuration for /ready, so that the component which strangers ask holds no secret but the keys to us. Private:
//! reached as http://config-check.spin.internal.

mw_edge::private_component!(mw_api::config_check::handle);
