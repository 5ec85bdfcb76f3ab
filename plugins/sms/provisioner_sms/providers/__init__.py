"""Gateways of providers whose interface the plug-in knows: NetGSM, Verimor and İleti Merkezi."""
