package payment

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"aftercare.dev/deploy/sandbox/callback"
)

// notifyWaits are the documented intervals between notifications: 15 in all,
// over 24 h 4 min.
var notifyWaits = []time.Duration{
	15 * time.Second, 15 * time.Second, 30 * time.Second, 3 * time.Minute, 10 * time.Minute,
	20 * time.Minute, 30 * time.Minute, 30 * time.Minute, 30 * time.Minute, 60 * time.Minute,
	3 * time.Hour, 3 * time.Hour, 3 * time.Hour, 6 * time.Hour, 6 * time.Hour,
}

type envelope struct {
	ID           string   `json:"id"`
	CreateTime   string   `json:"create_time"`
	ResourceType string   `json:"resource_type"`
	EventType    string   `json:"event_type"`
	Summary      string   `json:"summary"`
	Resource     resource `json:"resource"`
}

type resource struct {
	OriginalType   string `json:"original_type"`
	Algorithm      string `json:"algorithm"`
	Ciphertext     string `json:"ciphertext"`
	AssociatedData string `json:"associated_data"`
	Nonce          string `json:"nonce"`
}

type notifyBody struct {
	MchID           string       `json:"mchid"`
	OutTradeNo      string       `json:"out_trade_no"`
	TransactionID   string       `json:"transaction_id"`
	OutRefundNo     string       `json:"out_refund_no"`
	RefundID        string       `json:"refund_id"`
	RefundStatus    string       `json:"refund_status"`
	SuccessTime     string       `json:"success_time,omitempty"`
	ReceivedAccount string       `json:"user_received_account"`
	Amount          notifyAmount `json:"amount"`
}

type notifyAmount struct {
	Total       int64 `json:"total"`
	Refund      int64 `json:"refund"`
	PayerTotal  int64 `json:"payer_total"`
	PayerRefund int64 `json:"payer_refund"`
}

var summaries = map[string]string{Success: "退款成功", Closed: "退款关闭", Abnormal: "退款异常"}

// notification is the message about r's end. Its id depends on nothing but r,
// so that it is the same after a restart.
func (s *Service) notification(r Refund) *callback.Delivery {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", r.RefundID, r.Status, r.Reapplied))
	id := fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	return &callback.Delivery{
		ID: id, System: System, Keys: r.keys(), Subject: r.MchID,
		Waits: notifyWaits,
		Acked: func(status int, _ []byte) bool { return status == http.StatusOK || status == http.StatusNoContent },
		Build: func(ctx context.Context, now time.Time) (*http.Request, error) {
			if err := s.journal.Wait(r.ticket); err != nil {
				return nil, err
			}
			return s.notify(ctx, r, id, s.cfg.Platform, now)
		},
		Forge: func(ctx context.Context, now time.Time) (*http.Request, error) {
			forged := r
			forged.Status, forged.SuccessTime = Success, now
			return s.notify(ctx, forged, "forged-"+id[:8], Platform{Serial: s.cfg.Platform.Serial, Key: forgersKey()}, now)
		},
		Record: func(attempt int, result string) {
			if _, err := s.journal.Enqueue(callback.Line{Op: "callback", ID: id, Attempt: attempt, Result: result}); err != nil {
				s.cfg.Logger.Error("sandbox: notification not recorded", "id", id, "error", err)
			}
		},
	}
}

// forgersKey is any key but the platform's.
var forgersKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return key
})

// notify builds the request: resource encrypted with the merchant's APIv3 key,
// body signed with the platform's key, as for answers.
func (s *Service) notify(ctx context.Context, r Refund, id string, p Platform, now time.Time) (*http.Request, error) {
	res, err := seal(s.merchants[r.MchID].APIv3Key, notifyBody{
		MchID: r.MchID, OutTradeNo: r.OutTradeNo, TransactionID: r.TransactionID,
		OutRefundNo: r.OutRefundNo, RefundID: r.RefundID, RefundStatus: r.Status,
		SuccessTime: stamp(r.SuccessTime), ReceivedAccount: r.Account,
		Amount: notifyAmount{Total: r.Total, Refund: r.Amount, PayerTotal: r.Total, PayerRefund: r.Amount},
	})
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(envelope{
		ID: id, CreateTime: stamp(r.Time), ResourceType: "encrypt-resource",
		EventType: "REFUND." + r.Status, Summary: summaries[r.Status], Resource: res,
	})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.NotifyURL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Mozilla/4.0")
	return req, p.sign(req.Header, body, now)
}

// seal encrypts v with AEAD_AES_256_GCM under the APIv3 key.
func seal(key string, v any) (resource, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return resource{}, err
	}
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return resource{}, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return resource{}, err
	}
	const associated = "refund"
	nonce := rand.Text()[:12]
	sealed := aead.Seal(nil, []byte(nonce), plain, []byte(associated))
	return resource{
		OriginalType: associated, Algorithm: "AEAD_AES_256_GCM", AssociatedData: associated,
		Nonce: nonce, Ciphertext: base64.StdEncoding.EncodeToString(sealed),
	}, nil
}
