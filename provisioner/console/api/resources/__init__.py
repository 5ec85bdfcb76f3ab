"""What the API answers, one module for each subject. They ask services, and none has a rule of its own."""
