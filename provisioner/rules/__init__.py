"""The rule sets that the product ships, as a plug-in like any other. ``docs/policy.md`` tells how to use them."""
