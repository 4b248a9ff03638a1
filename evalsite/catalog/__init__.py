"""What is compared: data sets, generators and pools."""
