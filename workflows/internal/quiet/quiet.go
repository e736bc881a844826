// Package quiet is for tests of workflows.
package quiet

// Log drops what the Temporal SDK logs: an activity that fails on purpose, a task that is tried again.
type Log struct{}

// Debug implements log.Logger.
func (Log) Debug(string, ...any) {}

// Info implements log.Logger.
func (Log) Info(string, ...any) {}

// Warn implements log.Logger.
func (Log) Warn(string, ...any) {}

// Error implements log.Logger.
func (Log) Error(string, ...any) {}
