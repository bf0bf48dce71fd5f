"""From a wish to a design: the values of a family that limits allow."""
