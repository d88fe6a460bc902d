"""A plug-in as another distribution would bring it: one suite, one model, one maker, found through entry points."""
