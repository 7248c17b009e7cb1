"""What a deployed stack gives to a Prometheus and a Grafana of somebody's own: files to import."""
