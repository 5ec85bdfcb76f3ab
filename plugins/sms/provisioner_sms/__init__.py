"""The SMS plug-in: brings a new password to its owner's registered mobile phone (001 ¶5)."""
