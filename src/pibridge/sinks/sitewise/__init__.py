"""AWS IoT SiteWise: values as property values, and the model of assets that they belong to."""
