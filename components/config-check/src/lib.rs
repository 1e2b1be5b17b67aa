//! Judges the configuration for /ready, so that the component which strangers ask holds no secret but the keys to us. Private:
//! reached as http://config-check.spin.internal.

mw_web::export!(mw_web::config_check::serve);
