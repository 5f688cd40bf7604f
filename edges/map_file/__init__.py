"""The file of hosted domains that Postfix reads itself, kept by `byname maps`."""
