package access

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"aftercare.dev/gateway/api"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/contract"
)

func TestEveryOperationHasARowAndNoRowIsStale(t *testing.T) {
	spec, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for path, item := range spec.Paths.Map() {
		for method, o := range item.Operations() {
			id := strings.ToLower(o.OperationID[:1]) + o.OperationID[1:]
			known[id] = true
			if len(table[id]) == 0 {
				t.Errorf("nobody may %s (%s %s)", id, method, path)
			}
		}
	}
	for id := range table {
		if !known[id] {
			t.Errorf("the row %s is of no operation", id)
		}
	}
}

// TestWhatEachRoleMayDo is the table from the other side: adding a permission is a decision that shows up here.
func TestWhatEachRoleMayDo(t *testing.T) {
	reads := []string{
		"getCase", "getEvidence", "getOrder", "getPolicy", "getReturnAddress", "getTimeline", "getTracking", "listCases",
		"listOrders", "previewCase", "streamEvents",
	}
	buyer := []string{
		"openCase", "uploadEvidence", "addNote", "provideInfo", "answerRejection", "withdrawCase", "bookPickup", "reschedulePickup",
		"cancelPickup", "shipParcel", "agreeToInspection", "contestInspection",
	}
	inbox := []string{"listInbox", "markRead"}
	want := map[contract.Role][]string{
		contract.Buyer: slices.Concat(reads, buyer, inbox),
		contract.Storefront: slices.Concat(reads, buyer, []string{
			"putOrder", "putOrders", "listRefunds", "listDeliveries", "resendDelivery",
			"listWebhookEndpoints", "createWebhookEndpoint", "updateWebhookEndpoint", "deleteWebhookEndpoint",
			"exportBuyer", "eraseBuyer", "getErasure",
		}),
		contract.Agent: slices.Concat(reads, inbox, []string{
			"approveCase", "rejectCase", "requestInfo", "decideContest", "decideParcel", "addNote", "uploadEvidence", "listRefunds",
			"getOrderContact", "revealOrderContact", "searchContacts",
		}),
		contract.Warehouse: slices.Concat(reads, inbox, []string{"receiveParcel", "inspectGoods", "sendBack", "addNote", "uploadEvidence"}),
		contract.Finance:   slices.Concat(reads, inbox, []string{"resolveRefund", "getOrderContact", "listRefunds", "getLedgerBalances", "listLedgerEntries", "getLedgerStatement", "listDifferences", "resolveDifference"}),
		contract.Operator: slices.Concat(reads, inbox, []string{
			"retryCase", "skipStep", "resolveCase", "actOnCases", "countAttention", "listFindings", "listRefunds", "listDeliveries", "resendDelivery",
		}),
		contract.Administrator: slices.Collect(maps.Keys(table)),
		contract.System:        nil,
	}
	for role, operations := range want {
		var got []string
		for id := range table {
			if _, err := Authorize(Principal{Subject: "s", MerchantID: "m", Roles: []string{string(role)}}, id); err == nil {
				got = append(got, id)
			}
		}
		slices.Sort(got)
		slices.Sort(operations)
		if !slices.Equal(got, operations) {
			t.Errorf("%s may\n%v, want\n%v", role, got, operations)
		}
	}
}

func TestWhatIsNotInTheTableNobodyMayDo(t *testing.T) {
	_, err := Authorize(Principal{Roles: []string{string(contract.Administrator)}}, "dropEverything")
	if !problem.HasCode(err, problem.CodeForbidden) {
		t.Errorf("got %v", err)
	}
}

func TestSomebodyWhoWorksHereAndBuysHereIsNotConfinedToWhatTheyBought(t *testing.T) {
	both := Principal{Subject: "s", Roles: []string{"buyer", "agent"}}
	caller, err := Authorize(both, "getCase")
	if err != nil || caller.Role != contract.Agent || caller.Owner() != nil {
		t.Errorf("reads as %v, %v", caller.Role, err)
	}
	caller, err = Authorize(both, "withdrawCase")
	if err != nil || caller.Role != contract.Buyer || caller.Owner() == nil || *caller.Owner() != "s" {
		t.Errorf("withdraws as %v, %v", caller.Role, err)
	}
}
