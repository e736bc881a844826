package payment

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// scheme is the authentication type of APIv3, see
// pay.weixin.qq.com/doc/v3/merchant/4012365336 (how to build the signature).
const scheme = "WECHATPAY2-SHA256-RSA2048"

// tolerance is how far a timestamp may be off: the platform refuses requests
// that are more than five minutes old.
const tolerance = 5 * time.Minute

// authorization is the parsed Authorization header of a request.
type authorization struct {
	mchID, nonce, serial string
	timestamp            string
	signature            []byte
}

func parseAuthorization(header string) (authorization, error) {
	var a authorization
	name, rest, _ := strings.Cut(header, " ")
	if name != scheme {
		return a, fmt.Errorf("authorization scheme is not %s", scheme)
	}
	var encoded string
	fields := map[string]*string{
		"mchid": &a.mchID, "nonce_str": &a.nonce, "serial_no": &a.serial,
		"timestamp": &a.timestamp, "signature": &encoded,
	}
	for part := range strings.SplitSeq(rest, ",") {
		k, v, ok := strings.Cut(strings.TrimSpace(part), "=")
		target := fields[k]
		if !ok || target == nil || len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
			return a, fmt.Errorf("authorization has a malformed part %q", k)
		}
		*target = v[1 : len(v)-1]
	}
	for k, v := range fields {
		if *v == "" {
			return a, fmt.Errorf("authorization has no %s", k)
		}
	}
	var err error
	a.signature, err = base64.StdEncoding.DecodeString(encoded)
	return a, err
}

// verify checks the signature over method, the path with query as the client
// sent it, timestamp, nonce and body, each followed by a line feed.
func (a authorization) verify(key *rsa.PublicKey, r *http.Request, body []byte, now time.Time) error {
	seconds, err := strconv.ParseInt(a.timestamp, 10, 64)
	if err != nil {
		return errors.New("timestamp is no number")
	}
	if off := now.Sub(time.Unix(seconds, 0)).Abs(); off > tolerance {
		return fmt.Errorf("timestamp is off by %s", off.Round(time.Second))
	}
	h := sha256.New()
	for _, part := range []string{r.Method, r.RequestURI, a.timestamp, a.nonce, string(body)} {
		h.Write([]byte(part + "\n"))
	}
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, h.Sum(nil), a.signature) != nil {
		return errors.New("signature does not match the request")
	}
	return nil
}

// nonces remembers the nonces of twice the tolerance, in two generations, so
// that a recorded request cannot be sent again.
type nonces struct {
	mu       sync.Mutex
	young    map[string]struct{}
	old      map[string]struct{}
	switchAt time.Time
}

// use reports whether the nonce is new, and remembers it.
func (n *nonces) use(nonce string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.young == nil || now.After(n.switchAt) {
		n.old, n.young = n.young, make(map[string]struct{})
		n.switchAt = now.Add(2 * tolerance)
	}
	_, young := n.young[nonce]
	_, old := n.old[nonce]
	if young || old {
		return false
	}
	n.young[nonce] = struct{}{}
	return true
}

// Platform is the platform's key, with which answers and notifications are
// signed and sensitive fields of requests are encrypted.
type Platform struct {
	Serial string // of a certificate, or PUB_KEY_ID_…
	Key    *rsa.PrivateKey
}

// sign sets the four headers over timestamp, nonce and body.
func (p Platform) sign(h http.Header, body []byte, now time.Time) error {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	nonce := rand.Text()
	sum := sha256.Sum256([]byte(timestamp + "\n" + nonce + "\n" + string(body) + "\n"))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.Key, crypto.SHA256, sum[:])
	if err != nil {
		return err
	}
	h.Set("Wechatpay-Timestamp", timestamp)
	h.Set("Wechatpay-Nonce", nonce)
	h.Set("Wechatpay-Serial", p.Serial)
	h.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(signature))
	h.Set("Wechatpay-Signature-Type", scheme)
	return nil
}

// ParsePublicKey reads a PEM encoded RSA public key (PKIX) or certificate.
func ParsePublicKey(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("payment: no PEM block")
	}
	if block.Type == "CERTIFICATE" {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("payment: %w", err)
		}
		key, ok := cert.PublicKey.(*rsa.PublicKey)
		if !ok {
			return nil, errors.New("payment: the certificate's key is not RSA")
		}
		return key, nil
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("payment: %w", err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("payment: the key is not RSA")
	}
	return key, nil
}
