package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aftercare.dev/deploy/sandbox/payment"
)

// DefaultMerchants are the merchant numbers that EnsureKeys makes if it is told
// none.
var DefaultMerchants = []string{"1900000109", "1900000117"}

// Credentials are what the product must be configured with to talk to the
// sandbox, and the secrets of the sandbox itself.
type Credentials struct {
	WechatPay WechatPayCredentials `json:"wechatpay"`
	Kuaidi100 Kuaidi100Credentials `json:"kuaidi100"`
	Weixin    WeixinCredentials    `json:"weixin"`
}

// WechatPayCredentials are those of WeChat Pay.
type WechatPayCredentials struct {
	PlatformSerial       string                `json:"platform_serial"` // PUB_KEY_ID_…
	PlatformPublicKeyPEM string                `json:"platform_public_key_pem"`
	Merchants            []MerchantCredentials `json:"merchants"`

	platform *rsa.PrivateKey
}

// MerchantCredentials are those of one merchant.
type MerchantCredentials struct {
	MchID         string `json:"mchid"`
	SerialNo      string `json:"serial_no"`
	PrivateKeyPEM string `json:"private_key_pem"` // PKCS #8
	PublicKeyPEM  string `json:"public_key_pem"`
	APIv3Key      string `json:"api_v3_key"` // 32 bytes
}

// Kuaidi100Credentials are those of kuaidi100.
type Kuaidi100Credentials struct {
	Customer string `json:"customer"`
	Key      string `json:"key"`
	Secret   string `json:"secret"`
}

// WeixinCredentials are those of the mini program, for the freight insurance.
type WeixinCredentials struct {
	AppID     string `json:"app_id"`
	AppSecret string `json:"app_secret"`
	Token     string `json:"token"` // of the message push
}

// EnsureKeys returns the credentials in dir, and makes those that are not there
// yet. Files are readable by their owner only. Merchants named later are added.
func EnsureKeys(dir string, merchants ...string) (*Credentials, error) {
	if len(merchants) == 0 {
		merchants = DefaultMerchants
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	c := &Credentials{}
	path := filepath.Join(dir, "credentials.json")
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, c)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("sandbox: credentials: %w", err)
	}
	keep := func(name string) (*rsa.PrivateKey, error) { return ensureRSA(filepath.Join(dir, name+".pem")) }
	if err := c.complete(keep, merchants); err != nil {
		return nil, err
	}
	raw, err = json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return c, writeFile(path, raw)
}

// NewCredentials makes credentials that are nowhere else.
func NewCredentials(merchants ...string) (*Credentials, error) {
	if len(merchants) == 0 {
		merchants = DefaultMerchants
	}
	c := &Credentials{}
	return c, c.complete(func(string) (*rsa.PrivateKey, error) { return newRSA() }, merchants)
}

// exported are credentials with the provider's own key, which signs answers and callbacks.
type exported struct {
	*Credentials
	PlatformPrivateKeyPEM string `json:"platform_private_key_pem"`
}

// Export returns the credentials as JSON with all that the sandbox itself needs, for [ParseCredentials].
func (c *Credentials) Export() ([]byte, error) {
	private, err := privatePEM(c.WechatPay.platform)
	if err != nil {
		return nil, err
	}
	return json.Marshal(exported{c, private})
}

// ParseCredentials reads what [Credentials.Export] wrote.
func ParseCredentials(raw []byte) (*Credentials, error) {
	e := exported{Credentials: &Credentials{}}
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, fmt.Errorf("sandbox: credentials: %w", err)
	}
	platform, err := parseRSA([]byte(e.PlatformPrivateKeyPEM))
	if err != nil {
		return nil, fmt.Errorf("sandbox: credentials: platform_private_key_pem %w", err)
	}
	if len(e.WechatPay.Merchants) == 0 {
		return nil, errors.New("sandbox: credentials: there is no merchant")
	}
	e.WechatPay.platform = platform
	return e.Credentials, nil
}

// complete makes what is missing. The keys come by their names.
func (c *Credentials) complete(key func(name string) (*rsa.PrivateKey, error), merchants []string) error {
	platform, err := key("platform")
	if err != nil {
		return err
	}
	public, err := publicPEM(&platform.PublicKey)
	if err != nil {
		return err
	}
	c.WechatPay.platform, c.WechatPay.PlatformPublicKeyPEM = platform, public
	for _, v := range []struct {
		field *string
		make  func() string
	}{
		{&c.WechatPay.PlatformSerial, func() string { return "PUB_KEY_ID_01" + random(15) }},
		{&c.Kuaidi100.Customer, func() string { return random(16) }},
		{&c.Kuaidi100.Key, func() string { return rand.Text()[:12] }},
		{&c.Kuaidi100.Secret, func() string { return strings.ToLower(random(16)) }},
		{&c.Weixin.AppID, func() string { return "wx" + strings.ToLower(random(8)) }},
		{&c.Weixin.AppSecret, func() string { return strings.ToLower(random(16)) }},
		{&c.Weixin.Token, rand.Text},
	} {
		if *v.field == "" {
			*v.field = v.make()
		}
	}
	for _, id := range merchants {
		if _, ok := c.Merchant(id); ok {
			continue
		}
		m, err := newMerchant(key, id)
		if err != nil {
			return err
		}
		c.WechatPay.Merchants = append(c.WechatPay.Merchants, m)
	}
	return nil
}

// Merchant returns the credentials of a merchant number.
func (c *Credentials) Merchant(mchID string) (MerchantCredentials, bool) {
	for _, m := range c.WechatPay.Merchants {
		if m.MchID == mchID {
			return m, true
		}
	}
	return MerchantCredentials{}, false
}

// merchants are the merchants as the provider knows them: without their
// private keys.
func (c *Credentials) merchants() ([]payment.Merchant, error) {
	out := make([]payment.Merchant, 0, len(c.WechatPay.Merchants))
	for _, m := range c.WechatPay.Merchants {
		key, err := payment.ParsePublicKey(m.PublicKeyPEM)
		if err != nil {
			return nil, err
		}
		out = append(out, payment.Merchant{MchID: m.MchID, SerialNo: m.SerialNo, PublicKey: key, APIv3Key: m.APIv3Key})
	}
	return out, nil
}

func newMerchant(newKey func(name string) (*rsa.PrivateKey, error), id string) (MerchantCredentials, error) {
	if id == "" || strings.ContainsAny(id, `/\.`) {
		return MerchantCredentials{}, fmt.Errorf("sandbox: merchant number %q", id)
	}
	key, err := newKey("merchant-" + id)
	if err != nil {
		return MerchantCredentials{}, err
	}
	private, err := privatePEM(key)
	if err != nil {
		return MerchantCredentials{}, err
	}
	public, err := publicPEM(&key.PublicKey)
	if err != nil {
		return MerchantCredentials{}, err
	}
	return MerchantCredentials{
		MchID: id, SerialNo: random(20), PrivateKeyPEM: private, PublicKeyPEM: public, APIv3Key: random(16),
	}, nil
}

func newRSA() (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return key, nil
}

func ensureRSA(path string) (*rsa.PrivateKey, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := newRSA()
		if err != nil {
			return nil, err
		}
		text, err := privatePEM(key)
		if err != nil {
			return nil, err
		}
		return key, writeFile(path, []byte(text))
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	key, err := parseRSA(raw)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %s %w", filepath.Base(path), err)
	}
	return key, nil
}

func parseRSA(raw []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, errors.New("holds no key")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("holds no private key: %w", err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("is not an RSA key")
	}
	return key, nil
}

func privatePEM(key *rsa.PrivateKey) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("sandbox: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

func publicPEM(key *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("sandbox: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// writeFile replaces a file in one step, so that a kill leaves the old or the
// new one.
func writeFile(path string, data []byte) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return nil
}

// random returns n random bytes as upper-case hex.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // crypto/rand does not fail
	return strings.ToUpper(hex.EncodeToString(b))
}
