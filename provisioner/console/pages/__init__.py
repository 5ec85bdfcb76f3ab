"""The pages, one module for each subject. They ask services and show their answers; no page has a rule of its own."""
