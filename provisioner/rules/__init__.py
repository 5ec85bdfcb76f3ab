"""The rule sets that the product ships, as a plug-in like any other. See ``docs/explanation/policy.md``."""
