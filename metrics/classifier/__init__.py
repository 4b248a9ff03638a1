"""Small classifiers trained on a data set, so that features and classes are the data's own."""
