// Command victim passes crash points, for the tests of package crash. It prints each step that it survived.
package main

import (
	"fmt"
	"net/http"
	"os"

	"aftercare.dev/services/platform/crash"
	"aftercare.dev/services/platform/crash/testdata/victim/shop"
)

func main() {
	crash.At("a/step", crash.BeforeCommit)
	fmt.Println("before")
	crash.At("a/step", crash.AfterCommit)
	fmt.Println("after")
	shop.Sell()
	new(shop.Store[int]).Reserve()
	fmt.Println("reserved")
	client := &http.Client{Transport: crash.Transport(nil)}
	if url := os.Getenv("VICTIM_URL"); url != "" {
		shop.Ask(client, url)
		fmt.Println("asked")
	}
	client.CloseIdleConnections()
}
