//! `mw dev up`: the product on its usual ports, watched until Ctrl-C.
