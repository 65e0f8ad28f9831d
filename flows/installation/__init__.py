"""Deployments, and a complete installation of Prefect on one machine."""
