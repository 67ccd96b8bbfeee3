import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.security.Provider;
import java.security.Security;
import java.security.cert.CertPath;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Bouncy Castle's PKIXCertPathReviewer as a process that answers many questions: one line in, one line out.
 *
 * In:  milliseconds TAB revocation (0 or 1) TAB anchors TAB path TAB CRLs, each a list of Base64 DER with commas, the path from the subject up.
 * Out: "ok" or "refused", then TAB index:error for each error, -1 for those of the whole path; or "failed" TAB exception.
 */
public final class Reviewer {
    private static final String[] NAMES = {
        "org.bouncycastle.pkix.jcajce.PKIXCertPathReviewer",  // in bcpkix where that has it
        "org.bouncycastle.x509.PKIXCertPathReviewer",         // in bcprov (Debian 12)
    };

    private static CertificateFactory factory;

    public static void main(String[] arguments) throws Exception {
        Security.addProvider((Provider) Class.forName("org.bouncycastle.jce.provider.BouncyCastleProvider").getConstructor().newInstance());
        factory = CertificateFactory.getInstance("X.509", "BC");
        Class<?> reviewer = find();
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        out.println("ready\t" + reviewer.getName());
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(answer(reviewer, line.split("\t", -1)));
        }
    }

    private static Class<?> find() throws ClassNotFoundException {
        for (String name : NAMES) {
            try {
                return Class.forName(name);
            } catch (ClassNotFoundException absent) {
                continue;
            }
        }
        throw new ClassNotFoundException(String.join(", ", NAMES));
    }

    private static String answer(Class<?> kind, String[] asked) {
        try {
            return review(kind, asked);
        } catch (InvocationTargetException wrapped) {
            return "failed\t" + oneLine(wrapped.getCause());
        } catch (Exception failed) {
            return "failed\t" + oneLine(failed);
        }
    }

    private static String review(Class<?> kind, String[] asked) throws Exception {
        Set<TrustAnchor> anchors = new HashSet<>();
        for (X509Certificate anchor : certificates(asked[2])) {
            anchors.add(new TrustAnchor(anchor, null));
        }
        PKIXParameters parameters = new PKIXParameters(anchors);
        parameters.setDate(new Date(Long.parseLong(asked[0])));
        parameters.setRevocationEnabled(asked[1].equals("1"));
        List<Object> crls = new ArrayList<>();
        for (byte[] crl : decoded(asked[4])) {
            crls.add(factory.generateCRL(new ByteArrayInputStream(crl)));
        }
        parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(crls), "BC"));
        CertPath path = factory.generateCertPath(certificates(asked[3]));
        Constructor<?> constructor = kind.getConstructor(CertPath.class, PKIXParameters.class);
        Object review = constructor.newInstance(path, parameters);
        boolean valid = (Boolean) kind.getMethod("isValidCertPath").invoke(review);
        StringBuilder line = new StringBuilder(valid ? "ok" : "refused");
        Method errors = kind.getMethod("getErrors", int.class);
        for (int index = -1; index < path.getCertificates().size(); index++) {
            for (Object message : (List<?>) errors.invoke(review, index)) {
                Object id = message.getClass().getMethod("getId").invoke(message);
                line.append('\t').append(index).append(':').append(id);
            }
        }
        return line.toString();
    }

    private static List<X509Certificate> certificates(String list) throws Exception {
        List<X509Certificate> found = new ArrayList<>();
        for (byte[] one : decoded(list)) {
            found.add((X509Certificate) factory.generateCertificate(new ByteArrayInputStream(one)));
        }
        return found;
    }

    private static List<byte[]> decoded(String list) {
        List<byte[]> found = new ArrayList<>();
        for (String one : list.split(",")) {
            if (!one.isEmpty()) {
                found.add(Base64.getDecoder().decode(one));
            }
        }
        return found;
    }

    private static String oneLine(Throwable failed) {
        return String.valueOf(failed).replace('\n', ' ').replace('\t', ' ');
    }
}
