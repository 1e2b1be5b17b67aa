//! What the forms of the console's pages do.

mw_edge::component!(mw_console::actions, Remote, mw_kinds::KINDS);
