package gateway_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"aftercare.dev/gateway/api"
)

// op is an operation of the contract.
type op struct{ id, method, path string }

// operations are all of them, in the order of their ids.
func operations(t *testing.T) []op {
	t.Helper()
	spec, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]op{}
	for path, item := range spec.Paths.Map() {
		for method, o := range item.Operations() {
			id := strings.ToLower(o.OperationID[:1]) + o.OperationID[1:]
			all[id] = op{id, method, strings.NewReplacer(
				"{case_id}", caseID, "{order_id}", orderID, "{evidence_id}", "ev_1", "{message_id}", "msg_1",
				"{delivery_id}", "dlv_1", "{endpoint_id}", "wep_1", "{buyer_id}", owner,
			).Replace(path)}
		}
	}
	var list []op
	for _, id := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[id])
	}
	if len(list) < 40 {
		t.Fatalf("only %d operations", len(list))
	}
	return list
}

// Bodies that the operations take.
const (
	// filing is for openCase and previewCase.
	filing   = `{"order_id":"o1","type":"return_refund","reason":"no_longer_wanted","lines":[{"line_id":"l1","quantity":1}]}`
	shipping = `{"carrier":"shunfeng","tracking_number":"SF1234567"}`
)
