package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"waverider"
	"waverider/auth"
)

func newKey(t *testing.T) *auth.Key {
	t.Helper()
	k, err := auth.OpenKey(filepath.Join(t.TempDir(), "hub.key"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mint(t *testing.T, k *auth.Key, c auth.Claims) string {
	t.Helper()
	token, err := k.Mint(c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestRolesMayDoWhatTheirRowSays(t *testing.T) {
	rules := []auth.Rule{auth.Public, auth.Read, auth.Run, auth.Admin}
	for role, may := range map[auth.Role][4]bool{
		"":                {true, false, false, false},
		"other":           {true, false, false, false},
		auth.RoleViewer:   {true, true, false, false},
		auth.RoleOperator: {true, true, true, false},
		auth.RoleInstance: {true, true, true, false},
		auth.RoleAdmin:    {true, true, true, true},
	} {
		for i, rule := range rules {
			err := auth.Identity{Role: role}.Allow(rule)
			if (err == nil) != may[i] {
				t.Errorf("role %q, rule %s: %v", role, rule, err)
			}
			want := waverider.Forbidden
			if role == "" {
				want = waverider.Unauthorized
			}
			if err != nil && waverider.KindOf(err) != want {
				t.Errorf("role %q, rule %s: kind %s", role, rule, waverider.KindOf(err))
			}
		}
	}
	if (auth.Identity{Role: auth.RoleAdmin}).Allow(auth.Rule(0)) == nil {
		t.Error("a route without a rule is open to the admin")
	}
}

func TestKeySurvivesAndNamesItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "hub.key")
	first, err := auth.OpenKey(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := auth.OpenKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if first.ID() != again.ID() || len(first.ID()) != 26 {
		t.Errorf("ids %q and %q", first.ID(), again.ID())
	}
	token := mint(t, first, auth.Claims{Subject: "ann", Role: auth.RoleOperator})
	if id, err := again.Verify(token); err != nil || id.Subject != "ann" || id.Role != auth.RoleOperator || id.Token == "" {
		t.Errorf("Verify = %+v, %v", id, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info.Mode(), err)
	}
}

func TestOpenKeyRefuses(t *testing.T) {
	dir := t.TempDir()
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"text":     {"hello", 0o600, "PEM"},
		"other":    {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), 0o600, "Ed25519"},
		"readable": {"hello", 0o644, "chmod 600"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := auth.OpenKey(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadFile(path); string(left) != c.text {
			t.Errorf("%s was overwritten", name)
		}
	}
}

func TestVerifyRefusesEveryForgeryWithTheSameWords(t *testing.T) {
	key, other := newKey(t), newKey(t)
	good := mint(t, key, auth.Claims{Subject: "ann", Role: auth.RoleViewer})
	parts := strings.Split(good, ".")
	encode := base64.RawURLEncoding.EncodeToString
	admin := encode([]byte(`{"iss":"` + key.ID() + `","sub":"ann","role":"admin"}`))
	for name, token := range map[string]string{
		"empty":           "",
		"no token":        "hello",
		"another key":     mint(t, other, auth.Claims{Subject: "ann", Role: auth.RoleAdmin}),
		"expired":         mint(t, key, auth.Claims{Subject: "ann", Role: auth.RoleAdmin, Expires: time.Now().Add(-time.Hour)}),
		"changed claims":  parts[0] + "." + admin + "." + parts[2],
		"alg none":        encode([]byte(`{"alg":"none"}`)) + "." + admin + ".",
		"alg HS256":       encode([]byte(`{"alg":"HS256"}`)) + "." + admin + "." + parts[2],
		"cut signature":   good[:len(good)-4],
		"another's claim": parts[0] + "." + parts[1],
	} {
		id, err := key.Verify(token)
		if err == nil {
			t.Errorf("%s: accepted as %+v", name, id)
			continue
		}
		if want := "the token is not valid here, or has expired"; err.Error() != want {
			t.Errorf("%s: %q", name, err)
		}
	}
	if _, err := key.Verify(good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestMintWantsSubjectAndRole(t *testing.T) {
	key := newKey(t)
	for _, c := range []auth.Claims{{Role: auth.RoleAdmin}, {Subject: "x"}, {Subject: "x", Role: "king"}} {
		if _, err := key.Mint(c); err == nil {
			t.Errorf("%+v was minted", c)
		}
	}
}

func TestAdminTokenFileIsMadeOnceAndChecked(t *testing.T) {
	key, path := newKey(t), filepath.Join(t.TempDir(), "token")
	if made, err := key.AdminTokenFile(path); err != nil || !made {
		t.Fatalf("first: %v, %v", made, err)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if made, err := key.AdminTokenFile(path); err != nil || made {
		t.Errorf("second: %v, %v", made, err)
	}
	if again, _ := os.ReadFile(path); string(again) != string(first) {
		t.Error("the token changed")
	}
	id, err := key.Verify(strings.TrimSpace(string(first)))
	if err != nil || id.Role != auth.RoleAdmin {
		t.Errorf("Verify = %+v, %v", id, err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if _, err := newKey(t).AdminTokenFile(path); err == nil || strings.Contains(err.Error(), string(first[:20])) {
		t.Errorf("another Hub's token: %v", err)
	}
}

func TestGate(t *testing.T) {
	key := newKey(t)
	admin := "Bearer " + mint(t, key, auth.Claims{Subject: "ann", Role: auth.RoleAdmin})
	space := newKey(t)
	ofSpace := "Bearer " + mint(t, space, auth.Claims{Subject: "ann", Role: auth.RoleOperator, Audience: "hub-1"})
	forOther := "Bearer " + mint(t, space, auth.Claims{Subject: "ann", Role: auth.RoleOperator, Audience: "hub-2"})
	forNobody := "Bearer " + mint(t, space, auth.Claims{Subject: "ann", Role: auth.RoleOperator})
	instance := "bearer " + mint(t, key, auth.Claims{Subject: "i-1", Role: auth.RoleInstance})
	for name, c := range map[string]struct {
		gate   *auth.Gate
		header string
		role   auth.Role
		bad    bool
	}{
		"open":                 {gate: &auth.Gate{Open: true}, role: auth.RoleAdmin},
		"open, any header":     {gate: &auth.Gate{Open: true}, header: "Basic xyz", role: auth.RoleAdmin},
		"none":                 {gate: &auth.Gate{Key: key}},
		"admin":                {gate: &auth.Gate{Key: key}, header: admin, role: auth.RoleAdmin},
		"instance from afar":   {gate: &auth.Gate{Key: key}, header: instance, bad: true},
		"instance on its sock": {gate: &auth.Gate{Key: key, Instances: true}, header: instance, role: auth.RoleInstance},
		"basic":                {gate: &auth.Gate{Key: key}, header: "Basic xyz", bad: true},
		"known":                {gate: &auth.Gate{As: auth.Identity{Subject: "hub-1", Role: auth.RoleHub}, Key: key}, header: admin, role: auth.RoleHub},
		"of its Space":         {gate: &auth.Gate{Signer: space.PublicKey(), Audience: "hub-1"}, header: ofSpace, role: auth.RoleOperator},
		"for another Hub":      {gate: &auth.Gate{Signer: space.PublicKey(), Audience: "hub-1"}, header: forOther, bad: true},
		"for nobody":           {gate: &auth.Gate{Signer: space.PublicKey(), Audience: "hub-1"}, header: forNobody, bad: true},
		"not of its Space":     {gate: &auth.Gate{Signer: space.PublicKey(), Audience: "hub-1"}, header: admin, bad: true},
		"for a Hub, at home":   {gate: &auth.Gate{Key: space}, header: ofSpace, bad: true},
		"no key":               {gate: &auth.Gate{}, header: admin, bad: true},
	} {
		id, err := c.gate.Identify(c.header)
		if (err != nil) != c.bad || id.Role != c.role {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
		if want := waverider.InstanceID("i-1"); c.role == auth.RoleInstance && id.Instance() != want {
			t.Errorf("%s: instance %q", name, id.Instance())
		}
		if c.role == auth.RoleAdmin && id.Instance() != "" {
			t.Errorf("%s: an admin is Instance %q", name, id.Instance())
		}
	}
}
