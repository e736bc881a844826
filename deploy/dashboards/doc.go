// Package dashboards has the dashboards for Grafana. Its tests run the whole product with telemetry on, and check each
// metric and label that a dashboard or an alert rule names against what the product really tells.
package dashboards
