// Package api is the contract of the order service: types, server interface and client, generated from openapi.yaml.
package api

//go:generate oapi-codegen -config ../../codegen.yaml openapi.yaml
