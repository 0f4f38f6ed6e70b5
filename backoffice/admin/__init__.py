"""The reusable admin on SQLAdmin: a site, declared views, lists, forms, bulk actions. It knows no ticket."""
