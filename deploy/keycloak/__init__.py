"""Keycloak (统一身份认证) for development and tests: fetched, run beside the platform, its realm as production imports it."""
