"""Who may do what: tenants, key pairs, scopes, tokens."""
