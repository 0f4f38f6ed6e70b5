"""The contestants, each as small as its documentation allows, and with the same columns, filters and rows.

All but the limit run with their own packages, and import nothing of this product.
"""
