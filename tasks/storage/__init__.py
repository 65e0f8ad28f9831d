"""The only package that opens, lists, links or writes files: `stores.at` reads a place, `disk` and `building` write."""
