"""The adversarial lab: classifiers to attack, the images that fool them, and what people see in these."""
