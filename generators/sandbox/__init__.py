"""Networks of strangers, run where they can do nothing but turn noise into images."""
