// An API server of CustomResourceDefinitions and what they define, on loopback, for whoever asks: without users, rights
// and admission. It is Kubernetes' own k8s.io/apiextensions-apiserver, whose command insists on another API server to ask
// for all three; `make real` builds it.
package main

import (
	"flag"
	"log"
	"net"

	"k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apiextensions-apiserver/pkg/cmd/server/options"
	generatedopenapi "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	port := flag.Int("port", 0, "port on 127.0.0.1")
	etcd := flag.String("etcd", "", "address of etcd, such as http://127.0.0.1:2379")
	certificates := flag.String("certificates", "", "folder of the certificate that it makes for itself")
	flag.Parse()
	if err := serve(*port, *etcd, *certificates); err != nil {
		log.Fatal(err)
	}
}

func serve(port int, etcd, certificates string) error {
	chosen := options.NewCustomResourceDefinitionsServerOptions(nil, nil)
	recommended := chosen.RecommendedOptions
	recommended.Etcd.StorageConfig.Transport.ServerList = []string{etcd}
	recommended.SecureServing.BindAddress = net.IPv4(127, 0, 0, 1)
	recommended.SecureServing.BindPort = port
	recommended.SecureServing.ServerCert.CertDirectory = certificates
	recommended.Authentication, recommended.Authorization = nil, nil
	recommended.CoreAPI, recommended.Admission = nil, nil
	recommended.Features.EnablePriorityAndFairness = false
	if err := chosen.ServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	if err := chosen.Complete(); err != nil {
		return err
	}
	if err := chosen.Validate(); err != nil {
		return err
	}
	loopback := []net.IP{recommended.SecureServing.BindAddress}
	if err := recommended.SecureServing.MaybeDefaultWithSelfSignedCerts("localhost", nil, loopback); err != nil {
		return err
	}
	generic := genericapiserver.NewRecommendedConfig(apiserver.Codecs)
	if err := chosen.ServerRunOptions.ApplyTo(&generic.Config); err != nil {
		return err
	}
	if err := recommended.ApplyTo(generic); err != nil {
		return err
	}
	resources := apiserver.DefaultAPIResourceConfigSource()
	if err := chosen.APIEnablement.ApplyTo(&generic.Config, resources, apiserver.Scheme); err != nil {
		return err
	}
	definitions := openapi.NewDefinitionNamer(apiserver.Scheme, scheme.Scheme)
	generic.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(generatedopenapi.GetOpenAPIDefinitions, definitions)
	generic.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(generatedopenapi.GetOpenAPIDefinitions, definitions)
	storage := options.NewCRDRESTOptionsGetter(
		*recommended.Etcd, generic.ResourceTransformers, generic.StorageObjectCountTracker,
	)
	config := &apiserver.Config{
		GenericConfig: generic,
		ExtraConfig: apiserver.ExtraConfig{
			CRDRESTOptionsGetter: storage,
			ServiceResolver:      webhook.NewDefaultServiceResolver(),
		},
	}
	server, err := config.Complete().New(genericapiserver.NewEmptyDelegate())
	if err != nil {
		return err
	}
	return server.GenericAPIServer.PrepareRun().RunWithContext(genericapiserver.SetupSignalContext())
}
