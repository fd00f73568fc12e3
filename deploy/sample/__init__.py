"""The synthetic sample: rosters of invented households for any number of Sichuan's counties (样例数据)."""
