"""Scripts that bring the data: download, verify, prepare. They run from a checkout: python -m data_scripts.download"""
