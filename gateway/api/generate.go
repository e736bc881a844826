// Package api is the public contract: types, server interface and client, generated from openapi.yaml.
package api

//go:generate oapi-codegen -config codegen.yaml openapi.yaml
