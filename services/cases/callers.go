package cases

import "aftercare.dev/services/platform/callers"

// Callers is who of the house may do what here. An operation without a row is nobody's.
func Callers() callers.Table {
	return callers.Table{
		"previewJudgement": {callers.Gateway},
		"storeApplication": {callers.Gateway},
		"judgeCase":        {callers.Worker},
		"recordStep":       {callers.Worker},
		"settleCase":       {callers.Worker},

		"listCases":      {callers.Gateway},
		"getCase":        {callers.Gateway, callers.Worker},
		"getTimeline":    {callers.Gateway},
		"storeNote":      {callers.Gateway, callers.Worker},
		"uploadEvidence": {callers.Gateway},
		"getEvidence":    {callers.Gateway},

		"getPolicy": {callers.Gateway},
		"putPolicy": {callers.Gateway},

		"countAttention": {callers.Gateway},
		"listFindings":   {callers.Gateway},
		"listOpenCases":  {callers.Worker},
		"putFindings":    {callers.Worker},

		"exportBuyer":    {callers.Gateway},
		"requestErasure": {callers.Gateway},
		"getErasure":     {callers.Gateway},
		"eraseBuyer":     {callers.Worker},
		"finishErasure":  {callers.Worker},
		"applyRetention": {callers.Worker},
	}
}
