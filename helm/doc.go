// Package helm is the home of the charts. Its tests render them with Helm 3 and Helm 4 and hold the result against
// Kubernetes' own types, the restricted Pod Security Standard and the settings that the programs really read.
package helm
