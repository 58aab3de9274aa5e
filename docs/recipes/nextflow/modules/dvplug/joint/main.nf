process DVPLUG_JOINT {
    tag "${meta.id}"
    label 'process_high'

    conda "${moduleDir}/environment.yml"
    container 'localhost/dvplug:latest'

    input:
    tuple val(meta), path(gvcfs), path(indexes)
    tuple val(meta2), path(fasta), path(fai), path(gzi)
    path pedigree

    output:
    tuple val(meta), path("${prefix}.vcf.gz"), path("${prefix}.vcf.gz.{tbi,csi}"), emit: vcf
    path "versions.yml", emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def families = pedigree ? "--pedigree ${pedigree}" : ''
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    dvplug joint \\
        ${gvcfs} \\
        --ref ${fasta} \\
        --out ${prefix}.vcf.gz \\
        --workers ${task.cpus} \\
        ${families} \\
        ${args}

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        dvplug: \$(dvplug --version)
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    echo "" | gzip > ${prefix}.vcf.gz
    touch ${prefix}.vcf.gz.tbi

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        dvplug: \$(dvplug --version)
    END_VERSIONS
    """
}
