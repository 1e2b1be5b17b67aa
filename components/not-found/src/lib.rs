//! Everything that no other component takes: 401 for strangers, else 404, in our shape.

mw_edge::component!(mw_edge::discovery::answer, Remote);
