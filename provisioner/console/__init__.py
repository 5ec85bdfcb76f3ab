"""The officers' console: pages in a browser, for people who work in no terminal. It needs the extra ``console``."""
