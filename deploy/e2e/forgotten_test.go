package e2e

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	gateway "aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	order "aftercare.dev/services/order/api"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/personal"
)

func TestABuyerIsFoundMaskedRevealedHandedOverAndForgotten(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	admin, buyer := s.h.as(t, s.merchant, "administrator", "admin-1"), s.buyer("b1")
	// A number of its own: other tests sell to the planted one.
	phone := "13812345678"
	o := s.sell("b1", once, uninsured, func(in *order.OrderInput) { in.Contact.Phone = &phone })
	picture := upload(buyer)
	in := application(o)
	in["text"], in["evidence_ids"] = plantedWords["application text"], []string{picture}
	c := into[cases.Case](buyer.post("/v1/cases", in, key()...))

	found := into[order.ContactMatches](s.agent.post("/v1/contact-searches", map[string]any{"phone": "138 1234 5678"})).Items
	require.Len(t, found, 1)
	require.Equal(t, o, found[0].OrderID)
	require.Equal(t, []string{"Q*", "138****5678"}, []string{found[0].Name, found[0].Phone})
	hidden := s.agent.get("/v1/orders/" + o + "/contact").fine()
	for _, secret := range []string{plantedName, phone, plantedMail, plantedStreet, plantedPayer} {
		require.NotContains(t, string(hidden.body), secret)
	}
	seen := into[order.Contact](s.agent.post("/v1/orders/"+o+"/contact/reveal", map[string]any{"reason": "the parcel came back"}))
	require.Equal(t, plantedName, *seen.Name)
	looks := into[order.RevealPage](admin.get("/v1/reveals?order_id=" + o)).Items
	require.Len(t, looks, 1)
	require.Equal(t, []string{"agent", "the parcel came back"}, []string{looks[0].ActorRole, looks[0].Reason})

	path := "/v1/buyers/b1"
	s.storefront.post(path+"/erasure", nil).is(http.StatusConflict, "buyer_has_open_cases")
	does(s.storefront, c.CaseID, "withdraw", nil)
	s.ends(c.CaseID, cases.OutcomeWithdrawn)
	export := into[gateway.BuyerExport](s.storefront.get(path + "/personal-data"))
	require.Equal(t, plantedName, *export.Orders[0].Contact.Name)
	require.Equal(t, plantedWords["application text"], *export.Cases[0].Text)
	require.Equal(t, []string{picture}, export.Cases[0].EvidenceIds)
	require.NotEmpty(t, export.Messages)

	file := filepath.Join(s.h.dir, "evidence", s.merchant, picture)
	require.FileExists(t, file)
	accepted := s.storefront.post(path+"/erasure", nil)
	require.Equalf(t, http.StatusAccepted, accepted.status, "%s", accepted.body)
	eventually(t, "the buyer is forgotten", func() bool {
		return into[cases.Erasure](s.storefront.get(path+"/erasure")).State == cases.Done
	})
	s.isForgotten(o, c.CaseID, picture, phone)
	require.NoFileExists(t, file)
	require.Equal(t, c.CaseID, s.read(c.CaseID).CaseID, "the case stays")
	require.Equal(t, "b1", s.order(o).BuyerID, "the order stays, with the buyer's id")
	fresh := s.sell("b1", once, uninsured)
	s.file(application(fresh))
	require.NotEmpty(t, into[cases.CasePage](buyer.get("/v1/cases?status=open")).Items, "who comes back is welcome")
}

// isForgotten asks in every way for what is gone.
func (s *shop) isForgotten(orderID, caseID, picture, phone string) {
	s.t.Helper()
	require.Empty(s.t, into[order.ContactMatches](s.agent.post("/v1/contact-searches", map[string]any{"phone": phone})).Items)
	contact := into[order.Contact](s.agent.post("/v1/orders/"+orderID+"/contact/reveal", map[string]any{"reason": "is it gone?"}))
	require.Nil(s.t, contact.Name)
	require.Nil(s.t, contact.Phone)
	left := into[gateway.BuyerExport](s.storefront.get("/v1/buyers/b1/personal-data"))
	require.Nil(s.t, left.Orders[0].Contact)
	require.Nil(s.t, left.Cases[0].Text)
	require.Empty(s.t, left.Cases[0].EvidenceIds)
	require.Empty(s.t, left.Parcels.Contacts)
	require.Empty(s.t, left.Messages)
	s.agent.get("/v1/evidence/"+picture).is(http.StatusNotFound, "evidence_not_found")
	require.NotContains(s.t, string(s.agent.get("/v1/cases/"+caseID).fine().body), plantedWords["application text"])
}

func TestRetentionAsksEveryServiceAndLeavesWhatIsYoung(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	temporal := s.h.dial(t)
	scheduled, err := temporal.ScheduleClient().GetHandle(ctx, contract.RetentionID).Describe(ctx)
	require.NoError(t, err)
	require.Equal(t, "Asia/Shanghai", scheduled.Schedule.Spec.TimeZoneName)
	run, err := temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "retention-now", TaskQueue: contract.CasesQueue}, contract.RetentionWorkflow)
	require.NoError(t, err)
	var retained personal.Retained
	require.NoError(t, run.Get(ctx, &retained))
	require.Equal(t, personal.Retained{"cases": 0, "notification": 0, "logistics": 0, "order": 0}, retained)
	seen := into[order.Contact](s.agent.post("/v1/orders/"+o+"/contact/reveal", map[string]any{"reason": "still there?"}))
	require.Equal(t, plantedName, *seen.Name)
}
