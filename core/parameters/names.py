"""Names that several parts of the figures of policy share."""

FORECAST = "parameters.forecast"
FORECAST_BELOW = "parameters.forecast_below"
FORECAST_RIGHT = "parameters.forecast"
READ_RIGHT = "parameters.read"
ADOPT_RIGHT = "parameters.adopt"
