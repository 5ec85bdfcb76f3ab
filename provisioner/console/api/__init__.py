"""The API of the console: what people do on its pages, as JSON for programs with a token."""
