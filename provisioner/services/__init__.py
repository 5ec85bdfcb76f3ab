"""What can be done with the product, without a command line."""
