"""The REST API under /2010-04-01/Accounts/{AC}: one file a resource."""
