//! /mcp: tools and resources for agents, over the Model Context Protocol and as plain calls.

mw_edge::component!([mw_mcp::ROUTES], Remote, mw_kinds::KINDS);
