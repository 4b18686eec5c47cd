// A registry in memory that has the referrers API, for tests: referrers-registry ADDRESS SHAPE.
//
//	subject  CUE Labs' ociserver: says with OCI-Subject that it has listed a referrer
//	silent   go-containerregistry's: lists referrers, and does not say so
package main

import (
	"log"
	"net/http"
	"os"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: referrers-registry ADDRESS subject|silent")
	}
	var handler http.Handler
	switch os.Args[2] {
	case "subject":
		handler = ociserver.New(ocimem.New(), nil)
	case "silent":
		handler = registry.New(registry.WithReferrersSupport(true))
	default:
		log.Fatalf("no such shape: %q", os.Args[2])
	}
	log.Fatal(http.ListenAndServe(os.Args[1], handler))
}
