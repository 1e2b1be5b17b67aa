//! The console's pages, and its login.

mw_edge::component!(mw_console::pages, Remote, mw_kinds::KINDS);
